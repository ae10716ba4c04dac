-- The sandbox's books. Amounts that move are whole fen; everything told to a caller is kept as JSON text.

create table if not exists settings (name text primary key, value text not null) without rowid;

create table if not exists serials (name text primary key, value integer not null) without rowid;

create table if not exists people (
    psn_no text primary key, certno text not null unique, card_no text not null, card_sn text not null,
    psn_name text not null, psn_cert_type text not null, gend text not null, naty text not null,
    brdy text not null, identities text not null
) without rowid;
create index if not exists people_by_card on people (card_no);

create table if not exists insured (
    psn_no text not null, insutype text not null, psn_type text not null, insuplc_admdvs text not null,
    psn_insu_stas text not null, cvlserv_flag text not null, emp_name text not null,
    balance_fen integer not null check (balance_fen >= 0), mutual_fen integer not null check (mutual_fen >= 0),
    primary key (psn_no, insutype)
) without rowid;

create table if not exists accumulators (
    psn_no text not null, insutype text not null, year text not null,
    dedc_fen integer not null check (dedc_fen >= 0), pooled_fen integer not null check (pooled_fen >= 0),
    primary key (psn_no, insutype, year)
) without rowid;

create table if not exists sign_ins (
    sign_no text primary key, tenant text not null, opter_no text not null, day text not null,
    sign_time text not null, out_time text not null, unique (tenant, opter_no, day)
) without rowid;

create table if not exists tokens (
    token text primary key, psn_no text not null, issued_ms integer not null, used_by text not null
) without rowid;

create table if not exists verifications (
    id integer primary key, tenant text not null, psn_no text not null, infno text not null,
    at_ms integer not null, used_by text not null
);
create index if not exists verifications_by_person on verifications (psn_no, tenant, infno);

create table if not exists desk (name text primary key, psn_no text not null) without rowid;

create table if not exists visits (
    mdtrt_id text primary key, tenant text not null, psn_no text not null, kind text not null, state text not null,
    insutype text not null, ipt_otp_no text not null, med_type text not null, begntime text not null,
    endtime text not null, msgid text not null, at_ms integer not null, info text not null
) without rowid;
create index if not exists visits_by_person on visits (psn_no, tenant);
create index if not exists visits_by_msgid on visits (msgid);
create index if not exists visits_by_number on visits (tenant, ipt_otp_no);
create index if not exists visits_by_state on visits (kind, state, tenant);

create table if not exists batches (
    mdtrt_id text not null, chrg_bchno text not null, state text not null, primary key (mdtrt_id, chrg_bchno)
) without rowid;

create table if not exists fee_rows (
    mdtrt_id text not null, feedetl_sn text not null, position integer not null, chrg_bchno text not null,
    init_feedetl_sn text not null, med_list_codg text not null, cnt text not null, pric text not null,
    amount_fen integer not null, own_fen integer not null, over_fen integer not null, pre_fen integer not null,
    scope_fen integer not null, status text not null, setl_id text not null, doubtful integer not null,
    body text not null, primary key (mdtrt_id, feedetl_sn)
) without rowid;

create table if not exists diagnoses (
    mdtrt_id text not null, inout_diag_type text not null, diag_srt_no integer not null, body text not null,
    primary key (mdtrt_id, inout_diag_type, diag_srt_no)
) without rowid;

create table if not exists settlements (
    setl_id text primary key, infno text not null, tenant text not null, msgid text not null, mdtrt_id text not null,
    psn_no text not null, insutype text not null, chrg_bchno text not null, med_type text not null,
    mid_setl_flag text not null, setl_time text not null, year text not null, amounts text not null,
    shares text not null, info text not null, dedc_fen integer not null, year_dedc_fen integer not null, pooled_fen integer not null,
    own_fen integer not null, mutual_fen integer not null, live integer not null, undone_by text not null,
    counter_of text not null
) without rowid;
create index if not exists settlements_by_msgid on settlements (msgid);
create index if not exists settlements_by_tenant on settlements (tenant);
create index if not exists settlements_by_visit on settlements (mdtrt_id);

create table if not exists reversals (
    msgid text primary key, tenant text not null, omsgid text not null, oinfno text not null, psn_no text not null,
    at_ms integer not null
) without rowid;

create table if not exists calls (
    n integer primary key, at_ms integer not null, infno text not null, call integer not null, tenant text not null,
    msgid text not null, omsgid text not null, fault text not null, reached integer not null,
    committed integer not null, answered integer not null, refusal text not null
);
create index if not exists calls_by_msgid on calls (msgid);
create index if not exists calls_by_infno on calls (infno, call);

create table if not exists events (
    id integer primary key, at_ms integer not null, n integer not null, fault text not null, detail text not null
);

create table if not exists uploads (
    id integer primary key, book text not null, tenant text not null, key text not null, infno text not null,
    msgid text not null, at_ms integer not null, live integer not null, body text not null
);
create index if not exists uploads_by_key on uploads (book, tenant, key);

create table if not exists files (
    file_qury_no text primary key, filename text not null, owner text not null, until_ms integer not null,
    content blob not null
) without rowid;
