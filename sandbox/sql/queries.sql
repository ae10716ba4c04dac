-- Named statements of the sandbox's books. One name, one statement.

-- name: setting
select value from settings where name = :name

-- name: setting_put
insert into settings (name, value) values (:name, :value) on conflict (name) do update set value = excluded.value

-- name: serial_next
insert into serials (name, value) values (:name, 1)
on conflict (name) do update set value = value + 1 returning value

-- name: person_add
insert into people (psn_no, certno, card_no, card_sn, psn_name, psn_cert_type, gend, naty, brdy, identities)
values (:psn_no, :certno, :card_no, :card_sn, :psn_name, :psn_cert_type, :gend, :naty, :brdy, :identities)

-- name: person
select * from people where psn_no = :psn_no

-- name: person_by_certno
select * from people where certno = :certno

-- name: person_by_card
select * from people where card_no = :card_no

-- name: person_first
select * from people order by psn_no limit 1

-- name: insured_add
insert into insured (psn_no, insutype, psn_type, insuplc_admdvs, psn_insu_stas, cvlserv_flag, emp_name, balance_fen,
    mutual_fen)
values (:psn_no, :insutype, :psn_type, :insuplc_admdvs, :psn_insu_stas, :cvlserv_flag, :emp_name, :balance_fen,
    :mutual_fen)

-- name: insured
select * from insured where psn_no = :psn_no and insutype = :insutype

-- name: insured_of
select * from insured where psn_no = :psn_no order by insutype

-- name: account_move
update insured set balance_fen = balance_fen + :own_fen, mutual_fen = mutual_fen + :mutual_fen
where psn_no = :psn_no and insutype = :insutype

-- name: used
select dedc_fen, pooled_fen from accumulators where psn_no = :psn_no and insutype = :insutype and year = :year

-- name: used_move
insert into accumulators (psn_no, insutype, year, dedc_fen, pooled_fen)
values (:psn_no, :insutype, :year, :dedc_fen, :pooled_fen)
on conflict (psn_no, insutype, year) do update
set dedc_fen = dedc_fen + :dedc_fen, pooled_fen = pooled_fen + :pooled_fen

-- name: used_back
update accumulators set dedc_fen = dedc_fen - :dedc_fen, pooled_fen = pooled_fen - :pooled_fen
where psn_no = :psn_no and insutype = :insutype and year = :year

-- name: sign_in_add
insert into sign_ins (sign_no, tenant, opter_no, day, sign_time, out_time)
values (:sign_no, :tenant, :opter_no, :day, :sign_time, '')

-- name: sign_in
select * from sign_ins where sign_no = :sign_no and tenant = :tenant

-- name: sign_in_of_day
select * from sign_ins where tenant = :tenant and opter_no = :opter_no and day = :day

-- name: sign_out
update sign_ins set out_time = :out_time where sign_no = :sign_no

-- name: token_add
insert into tokens (token, psn_no, issued_ms, used_by) values (:token, :psn_no, :issued_ms, '')

-- name: token
select * from tokens where token = :token

-- name: token_use
update tokens set used_by = :msgid where token = :token

-- name: verification_add
insert into verifications (tenant, psn_no, infno, at_ms, used_by) values (:tenant, :psn_no, :infno, :at_ms, '')

-- name: verification_open
select id from verifications
where psn_no = :psn_no and tenant = :tenant and infno = :infno and used_by = '' and at_ms between :from_ms and :to_ms
order by id desc limit 1

-- name: verification_use
update verifications set used_by = :msgid where id = :id

-- name: desk_put
insert into desk (name, psn_no) values (:name, :psn_no) on conflict (name) do update set psn_no = excluded.psn_no

-- name: desk
select p.* from desk d join people p on p.psn_no = d.psn_no where d.name in (:name, '') order by d.name desc limit 1

-- name: visit_add
insert into visits (mdtrt_id, tenant, psn_no, kind, state, insutype, ipt_otp_no, med_type, begntime, endtime, msgid,
    at_ms, info)
values (:mdtrt_id, :tenant, :psn_no, :kind, :state, :insutype, :ipt_otp_no, :med_type, :begntime, :endtime, :msgid,
    :at_ms, :info)

-- name: visit
select * from visits where mdtrt_id = :mdtrt_id and tenant = :tenant

-- name: visit_open_with_number
select * from visits where tenant = :tenant and ipt_otp_no = :ipt_otp_no and state not in ('O0', 'H0')

-- name: visit_by_msgid
select * from visits where psn_no = :psn_no and tenant = :tenant and kind = 'inpatient' and msgid = :msgid

-- name: visits_of
select * from visits where psn_no = :psn_no and tenant = :tenant and state not in ('O0', 'H0') order by mdtrt_id

-- name: visits_in_hospital
select * from visits where kind = 'inpatient' and state in ('H1', 'H2') and tenant = :tenant
    and :psn_no in ('', psn_no) order by mdtrt_id

-- name: visit_state
update visits set state = :state where mdtrt_id = :mdtrt_id

-- name: visit_info
update visits set info = :info, med_type = :med_type, endtime = :endtime, ipt_otp_no = :ipt_otp_no, begntime = :begntime
where mdtrt_id = :mdtrt_id

-- name: batch
select chrg_bchno, state from batches where mdtrt_id = :mdtrt_id and chrg_bchno = :chrg_bchno

-- name: batches_of
select chrg_bchno, state from batches where mdtrt_id = :mdtrt_id order by chrg_bchno

-- name: batch_put
insert into batches (mdtrt_id, chrg_bchno, state) values (:mdtrt_id, :chrg_bchno, :state)
on conflict (mdtrt_id, chrg_bchno) do update set state = excluded.state

-- name: row_add
insert into fee_rows (mdtrt_id, feedetl_sn, position, chrg_bchno, init_feedetl_sn, med_list_codg, cnt, pric, amount_fen,
    own_fen, over_fen, pre_fen, scope_fen, status, setl_id, doubtful, body)
values (:mdtrt_id, :feedetl_sn, :position, :chrg_bchno, :init_feedetl_sn, :med_list_codg, :cnt, :pric, :amount_fen,
    :own_fen, :over_fen, :pre_fen, :scope_fen, 'live', '', 0, :body)

-- name: rows_of
select * from fee_rows where mdtrt_id = :mdtrt_id order by position

-- name: rows_live
select * from fee_rows where mdtrt_id = :mdtrt_id and status = 'live' and :chrg_bchno in ('', chrg_bchno)
order by position

-- name: rows_shown
select * from fee_rows where mdtrt_id = :mdtrt_id and status <> 'void' and :setl_id in ('', setl_id) order by position

-- name: rows_kept
select count(*) from fee_rows where mdtrt_id = :mdtrt_id and status <> 'void'

-- name: row
select * from fee_rows where mdtrt_id = :mdtrt_id and feedetl_sn = :feedetl_sn

-- name: rows_settle
update fee_rows set status = 'settled', setl_id = :setl_id
where mdtrt_id = :mdtrt_id and status = 'live' and :chrg_bchno in ('', chrg_bchno)

-- name: rows_unsettle
update fee_rows set status = 'live', setl_id = '', doubtful = max(doubtful, :doubtful)
where mdtrt_id = :mdtrt_id and setl_id = :setl_id

-- name: rows_void
update fee_rows set status = 'void', setl_id = '' where mdtrt_id = :mdtrt_id and setl_id = :setl_id

-- name: rows_void_again
update fee_rows set status = 'void', setl_id = ''
where mdtrt_id = :mdtrt_id and status = 'live' and doubtful = 1 and :chrg_bchno in ('', chrg_bchno)

-- name: rows_delete
delete from fee_rows where mdtrt_id = :mdtrt_id and status = 'live' and :chrg_bchno in ('', chrg_bchno)

-- name: row_delete
delete from fee_rows where mdtrt_id = :mdtrt_id and feedetl_sn = :feedetl_sn

-- name: rows_revive
update fee_rows set status = 'settled', setl_id = :setl_id
where mdtrt_id = :mdtrt_id and setl_id = '' and feedetl_sn in (select value from json_each(:numbers))

-- name: diagnosis_put
insert into diagnoses (mdtrt_id, inout_diag_type, diag_srt_no, body)
values (:mdtrt_id, :inout_diag_type, :diag_srt_no, :body)
on conflict (mdtrt_id, inout_diag_type, diag_srt_no) do update set body = excluded.body

-- name: diagnoses_of
select * from diagnoses where mdtrt_id = :mdtrt_id order by inout_diag_type, diag_srt_no

-- name: settlement_add
insert into settlements (setl_id, infno, tenant, msgid, mdtrt_id, psn_no, insutype, chrg_bchno, med_type, mid_setl_flag,
    setl_time, year, amounts, shares, info, dedc_fen, year_dedc_fen, pooled_fen, own_fen, mutual_fen, live, undone_by, counter_of)
values (:setl_id, :infno, :tenant, :msgid, :mdtrt_id, :psn_no, :insutype, :chrg_bchno, :med_type, :mid_setl_flag,
    :setl_time, :year, :amounts, :shares, :info, :dedc_fen, :year_dedc_fen, :pooled_fen, :own_fen, :mutual_fen, 1, '', :counter_of)

-- name: settlement
select * from settlements where setl_id = :setl_id

-- name: settlement_by_msgid
select * from settlements where msgid = :msgid and infno = :infno and psn_no = :psn_no and tenant = :tenant

-- name: settlement_mark
update settlements set live = :live, undone_by = :undone_by where setl_id = :setl_id

-- name: stay_dedc
select sum(dedc_fen) from settlements where mdtrt_id = :mdtrt_id and live = 1 and counter_of = ''

-- name: reversal_add
insert into reversals (msgid, tenant, omsgid, oinfno, psn_no, at_ms)
values (:msgid, :tenant, :omsgid, :oinfno, :psn_no, :at_ms)

-- name: call_count
select max(call) from calls where infno = :infno

-- name: call_last
select max(n) from calls

-- name: call_add
insert into calls (n, at_ms, infno, call, tenant, msgid, omsgid, fault, reached, committed, answered, refusal)
values (:n, :at_ms, :infno, :call, :tenant, :msgid, :omsgid, :fault, 0, 0, 0, '')

-- name: call_reached
update calls set reached = 1, refusal = :refusal where n = :n

-- name: call_committed
update calls set reached = 1, committed = 1 where n = :n

-- name: call_answered
update calls set answered = 1 where n = :n

-- name: msgid_taken
select count(*) from calls where msgid = :msgid and reached = 1 and n <> :n

-- name: event_add
insert into events (at_ms, n, fault, detail) values (:at_ms, :n, :fault, :detail)

-- name: book_people
select p.psn_no, p.psn_name, p.certno, p.psn_cert_type, p.card_no, p.card_sn, p.brdy, p.gend, i.insutype, i.psn_type,
    i.insuplc_admdvs, i.psn_insu_stas, i.cvlserv_flag, i.balance_fen, i.mutual_fen, a.year, a.dedc_fen, a.pooled_fen
from people p left join insured i on i.psn_no = p.psn_no
left join accumulators a on a.psn_no = i.psn_no and a.insutype = i.insutype
where :psn_no in ('', p.psn_no) order by p.psn_no, i.insutype, a.year

-- name: book_visits
select * from visits where :tenant in ('', tenant) and :psn_no in ('', psn_no) and :mdtrt_id in ('', mdtrt_id)
order by mdtrt_id

-- name: book_rows
select * from fee_rows where :mdtrt_id in ('', mdtrt_id) order by mdtrt_id, position

-- name: book_settlements
select * from settlements
where :tenant in ('', tenant) and :msgid in ('', msgid) and :mdtrt_id in ('', mdtrt_id) and :psn_no in ('', psn_no)
order by setl_id

-- name: book_calls
select * from calls
where :tenant in ('', tenant) and :msgid in ('', msgid) and :infno in ('', infno) and n > :after order by n limit :limit

-- name: book_signins
select * from sign_ins where :tenant in ('', tenant) order by sign_no

-- name: book_reversals
select * from reversals where :tenant in ('', tenant) and :omsgid in ('', omsgid) order by at_ms

-- name: book_batches
select * from batches where :mdtrt_id in ('', mdtrt_id) order by mdtrt_id, chrg_bchno

-- name: book_diagnoses
select * from diagnoses where :mdtrt_id in ('', mdtrt_id) order by mdtrt_id, inout_diag_type, diag_srt_no

-- name: book_events
select * from events order by id

-- name: judged_settlements
select setl_id, infno, mdtrt_id, live, undone_by, counter_of from settlements where msgid = :msgid order by setl_id

-- name: judged_visits
select mdtrt_id, state from visits where msgid = :msgid

-- name: upload_add
insert into uploads (book, tenant, key, infno, msgid, at_ms, live, body)
values (:book, :tenant, :key, :infno, :msgid, :at_ms, 1, :body)

-- name: uploads_of
select id, at_ms, body from uploads where book = :book and tenant = :tenant and live = 1 order by id

-- name: uploads_with_key
select id, at_ms, body from uploads where book = :book and tenant = :tenant and key = :key and live = 1 order by id

-- name: upload_withdraw
update uploads set live = 0 where id = :id

-- name: book_uploads
select * from uploads where :tenant in ('', tenant) and :msgid in ('', msgid) and :book in ('', book) order by id

-- name: file_add
insert into files (file_qury_no, filename, owner, until_ms, content)
values (:file_qury_no, :filename, :owner, :until_ms, :content)

-- name: file
select * from files where file_qury_no = :file_qury_no

-- name: settlements_of
select * from settlements where tenant = :tenant order by setl_id

-- name: used_of
select insutype, year, dedc_fen, pooled_fen from accumulators where psn_no = :psn_no order by insutype, year
