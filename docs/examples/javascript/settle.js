// A HIS sends one transaction through yibao-bus, in plain amqplib (docs/his-contract.md).
//
//     node settle.js 2207 input.json bill-20261123-0001
//
// Address and institution come from YIBAO_URL (amqp://user:password@host:port/vhost) and
// YIBAO_TENANT, the patient's insured place (insuplc_admdvs of the reply of 1101) from YIBAO_INSUPLC,
// the short name of the reply queue from YIBAO_QUEUE, the folder for kept requests from YIBAO_KEYS.
// Exit code: 0 succeeded, 1 any other final outcome, 2 wrong usage, 3 nothing was sent, 4 not known
// yet (run again with the same key).

'use strict';

const { randomUUID } = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { setTimeout: pause } = require('node:timers/promises');
const amqp = require('amqplib');

const DEADLINE_MS = 60_000;
const REPLY_MS = 240_000;
const ATTEMPTS = 5;

// Put the request on the disk under its key before anything is sent; return what is there. After a
// crash the same command with the same key finds the same bytes and the same deadline.
function keep(folder, key, request) {
  fs.mkdirSync(folder, { recursive: true, mode: 0o700 });
  const file = path.join(folder, `${encodeURIComponent(key)}.json`);
  if (!fs.existsSync(file)) {
    fs.writeFileSync(`${file}.new`, JSON.stringify(request), { mode: 0o600, flush: true });
    fs.renameSync(`${file}.new`, file);
    const handle = fs.openSync(folder, 'r');
    fs.fsyncSync(handle);
    fs.closeSync(handle);
  }
  const kept = JSON.parse(fs.readFileSync(file, 'utf8'));
  if (kept.body !== request.body) {
    throw new Error('this key was kept for another request: a new request needs a new key');
  }
  return kept;
}

// Publish the request and wait for its reply. Calling it again with the same key is safe.
async function ask(his, infno, key, kept) {
  const connection = await amqp.connect(his.url);
  try {
    const channel = await connection.createConfirmChannel();
    const lost = new Promise((_, reject) => {
      connection.on('error', reject);
      connection.on('close', () => reject(new Error('the connection was lost')));
      channel.on('error', reject);
    });
    lost.catch(() => {}); // it may be lost while nobody waits
    const replies = `yibao.replies.${his.tenant}.${his.queue}`;
    await channel.assertQueue(replies, {
      durable: true,
      arguments: { 'x-queue-type': 'quorum', 'x-expires': 30 * 86_400_000 },
    });
    const reply = new Promise((resolve) => {
      channel.consume(replies, (message) => {
        if (message === null) return; // the queue was deleted: the time limit ends the wait
        channel.ack(message);
        if (message.properties.correlationId === key) {
          resolve(JSON.parse(message.content.toString('utf8')));
        }
      }).catch(() => {}); // told by `lost` as well
    });
    let returned = false;
    channel.on('return', () => { returned = true; });
    channel.publish('yibao.requests', `${infno}.${his.tenant}`, Buffer.from(kept.body), {
      contentType: 'application/json',
      persistent: true,
      mandatory: true,
      messageId: randomUUID(),
      correlationId: key,
      replyTo: replies,
      type: infno,
      userId: decodeURIComponent(new URL(his.url).username),
      headers: { 'idempotency-key': key, deadline: kept.deadline },
    });
    await Promise.race([channel.waitForConfirms(), lost]);
    if (returned) return null; // the broker sends the return before the confirm
    const late = new AbortController();
    try {
      const tooLate = pause(REPLY_MS, undefined, { signal: late.signal }).then(() => {
        throw new Error('no reply in time');
      });
      return await Promise.race([reply, lost, tooLate]);
    } finally {
      late.abort();
    }
  } finally {
    await connection.close().catch(() => {});
  }
}

async function main() {
  const [infno, input, key] = process.argv.slice(2);
  const his = {
    url: process.env.YIBAO_URL,
    tenant: process.env.YIBAO_TENANT,
    queue: process.env.YIBAO_QUEUE || 'example-javascript',
  };
  if (!key || !his.url || !his.tenant) {
    console.error('usage: YIBAO_URL=... YIBAO_TENANT=... node settle.js INFNO INPUT.json KEY');
    return 2;
  }
  // The input is passed on as text: JSON numbers would lose the 0 of 100.10 on their way through.
  const content = fs.readFileSync(input, 'utf8').trim();
  JSON.parse(content);
  const place = process.env.YIBAO_INSUPLC;
  const insured = place ? `"insuplc_admdvs":${JSON.stringify(place)},` : '';
  const body = `{"infno":${JSON.stringify(infno)},"opter":"0001",${insured}"input":${content}}`;
  const deadline = new Date(Date.now() + DEADLINE_MS).toISOString();
  const kept = keep(process.env.YIBAO_KEYS || 'kept-keys', key, { body, deadline });
  for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
    try {
      const reply = await ask(his, infno, key, kept);
      if (reply === null && attempt === 1) {
        console.error('nothing was sent: no queue takes this transaction');
        return 3;
      }
      if (reply !== null) {
        console.log(JSON.stringify(reply, null, 2));
        return { succeeded: 0, in_doubt: 4 }[reply.status] ?? 1;
      }
    } catch (error) {
      console.error(`attempt ${attempt}: ${error.message}; asking again`);
    }
    await pause(2000);
  }
  console.error('the outcome is not known: run again with the same key');
  return 4;
}

main().then(
  (code) => { process.exitCode = code; },
  (error) => { console.error(error.message); process.exitCode = 2; },
);
