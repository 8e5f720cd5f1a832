// What programs do with node-postgres; prints everything they see.
'use strict';
const fs = require('node:fs');
const { Client, Pool } = require('pg');

const note = (...values) => console.log(...values.map((v) => JSON.stringify(v)));

async function failure(step) {
  try {
    await step();
  } catch (e) {
    note('error', e.code, e.severity, e.message, e.detail, e.hint, e.position);
    return;
  }
  throw new Error('an error was expected');
}

const tls = { ca: fs.readFileSync(process.env.PGSSLROOTCERT, 'utf8') };

async function work(ssl) {
  const client = new Client({ ssl });
  client.on('notice', (n) => note('notice', n.severity, n.message, n.hint));
  client.on('notification', (n) => note('notification', n.channel, n.payload));
  await client.connect();
  const all = await client.query('SELECT id, email, name, born, seen, balance, score, tags, settings, avatar FROM users ORDER BY id LIMIT 6');
  note(all.rows, all.fields.map((f) => [f.name, f.dataTypeID, f.format]), all.command, all.rowCount);
  note((await client.query('SELECT $1::text AS a, $2::int AS b, $3::jsonb AS c', ["it's", 7, { x: [1, null] }])).rows);
  for (let i = 1; i < 4; i++) {
    note((await client.query({ name: 'by id', text: 'SELECT email FROM users WHERE id = $1', values: [i] })).rows);
  }
  note((await client.query({ text: 'SELECT id, amount FROM sales.orders ORDER BY id LIMIT 3', rowMode: 'array' })).rows);
  const several = await client.query('SELECT 1 AS a; SELECT 2 AS b; SELECT 3 AS c');
  note(several.map((r) => r.rows));
  await failure(() => client.query('SELECT 1/0'));
  await failure(() => client.query('SELECT 1/$1::int', [0]));
  await failure(() => client.query({ name: 'bad', text: 'SELECT * FROM nowhere WHERE x = $1', values: [1] }));
  await client.query('BEGIN');
  await client.query('INSERT INTO notes VALUES ($1, $2)', [500, 'x']);
  await failure(() => client.query('INSERT INTO notes VALUES ($1, $2)', [500, 'twice']));
  await failure(() => client.query('SELECT 1'));
  await client.query('ROLLBACK');
  note((await client.query('SELECT count(*) FROM notes WHERE id = 500')).rows);
  const queued = [1, 2, 3].map((i) => client.query('SELECT $1::int * 2 AS twice', [i]));
  note((await Promise.all(queued)).map((r) => r.rows[0].twice));
  await client.query('LISTEN news');
  await client.query("NOTIFY news, 'paper'");
  await client.query('SELECT 1');
  await client.query("UPDATE users SET name = 'n' WHERE id = 1");
  await client.query('SELECT pg_sleep(0)');
  await client.end();
}

async function pooled(ssl) {
  const pool = new Pool({ ssl, max: 4 });
  const results = await Promise.all([...Array(12).keys()].map((i) => pool.query('SELECT $1::int + 100 AS n', [i])));
  note(results.map((r) => r.rows[0].n));
  await pool.end();
}

(async () => {
  await work(false);
  await work(tls);
  await pooled(tls);
  console.log('end of the case');
})().catch((e) => {
  console.error(e);
  process.exit(1);
});
