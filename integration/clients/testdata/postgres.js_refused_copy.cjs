// Loads standard input into a table that the policy closes, with postgres.js.
'use strict';
const fs = require('node:fs');
const { Readable } = require('node:stream');
const { pipeline } = require('node:stream/promises');
const postgres = require('postgres');

(async () => {
  const data = fs.readFileSync(0, 'utf8');
  const sql = postgres({ max: 1, ssl: { ca: fs.readFileSync(process.env.PGSSLROOTCERT, 'utf8') } });
  let refused = false;
  try {
    await pipeline(Readable.from([data, data]), await sql`COPY vault FROM STDIN`.writable());
  } catch (e) {
    refused = e.code === '42501';
    console.log(e.code, e.message);
  }
  if (!refused) throw new Error('the load was not refused');
  console.log(await sql`SELECT 'still here' AS x`);
  await sql.end();
  console.log('end of the case');
})().catch((e) => {
  console.error(e);
  process.exit(1);
});
