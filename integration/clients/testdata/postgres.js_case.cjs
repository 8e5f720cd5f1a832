// What programs do with postgres.js; prints everything they see.
'use strict';
const fs = require('node:fs');
const { Readable } = require('node:stream');
const { pipeline } = require('node:stream/promises');
const postgres = require('postgres');

const note = (...values) => console.log(...values.map((v) => JSON.stringify(v)));

async function failure(step) {
  try {
    await step();
  } catch (e) {
    note('error', e.code, e.severity, e.message, e.detail, e.hint);
    return;
  }
  throw new Error('an error was expected');
}

const tls = { ca: fs.readFileSync(process.env.PGSSLROOTCERT, 'utf8') };

async function work(ssl) {
  const sql = postgres({ ssl, max: 1, onnotice: (n) => note('notice', n.severity, n.message), connection: { application_name: 'matrix', work_mem: '6MB' } });
  note(await sql`SELECT current_setting('application_name') AS name, current_setting('work_mem') AS mem`);
  note(await sql`SELECT id, email, name, born, seen, balance, score, tags, settings FROM users ORDER BY id LIMIT ${5}`);
  for (const id of [1, 2, 3]) note(await sql`SELECT email FROM users WHERE id = ${id}`);
  const { types, columns } = await sql`SELECT * FROM notes WHERE id IN ${sql([1, 2])} ORDER BY id`.describe();
  note(types, columns);
  await sql`DELETE FROM notes WHERE id >= 300`;
  note(await sql`INSERT INTO notes ${sql([{ id: 300, body: 'a' }, { id: 301, body: null }])} RETURNING *`);
  note(await sql.unsafe('SELECT 1 AS a; SELECT 2 AS b'));
  await failure(() => sql`SELECT 1/${0}::int`);
  await failure(() => sql`SELECT * FROM nowhere`);
  await failure(() => sql.begin(async (tx) => {
    await tx`INSERT INTO notes VALUES (310, 'rolled back')`;
    await tx.savepoint(async (inner) => {
      await inner`INSERT INTO notes VALUES (310, 'twice')`;
    });
  }));
  note(await sql`SELECT count(*) FROM notes WHERE id >= 310`);
  note(await sql.begin((tx) => [tx`SELECT 1 AS x`, tx`SELECT 2 AS y`, tx`SELECT 3 AS z`]));
  const seen = [];
  await sql`SELECT id FROM sales.orders ORDER BY id LIMIT 100`.cursor(30, (rows) => { seen.push(rows.map((r) => r.id)); });
  note(seen);
  let each = 0;
  await sql`SELECT id FROM users`.forEach(() => { each += 1; });
  note(each);
  const chunks = [];
  for await (const chunk of await sql`COPY (SELECT id, email FROM users ORDER BY id) TO STDOUT`.readable()) chunks.push(chunk.toString());
  note(chunks.join(''));
  await sql`CREATE TEMP TABLE bulk (id int, body text)`;
  await pipeline(Readable.from(['1\tone\n', '2\ttwo\n', '3\t\\N\n']), await sql`COPY bulk FROM STDIN`.writable());
  note(await sql`SELECT * FROM bulk ORDER BY id`);
  const slow = sql`SELECT pg_sleep(20)`;
  setTimeout(() => slow.cancel(), 300);
  await failure(() => slow);
  note(await sql`SELECT 'after the cancel' AS x`);
  await sql.end();
}

async function listening(ssl) {
  const sql = postgres({ ssl, max: 2 });
  await new Promise((resolve, reject) => {
    sql.listen('news', (payload) => { note('notification', payload); resolve(); })
      .then(() => sql.notify('news', 'paper')).catch(reject);
  });
  await sql.end();
}

(async () => {
  await work(false);
  await work(tls);
  await listening(tls);
  console.log('end of the case');
})().catch((e) => {
  console.error(e);
  process.exit(1);
});
