// Loads standard input into a table that the policy closes, with postgres.js.
'use strict';
const fs = require('node:fs');
const postgres = require('postgres');

(async () => {
  const data = fs.readFileSync(0, 'utf8');
  const sql = postgres({ max: 1, ssl: { ca: fs.readFileSync(process.env.PGSSLROOTCERT, 'utf8') } });
  const copy = await sql`COPY vault FROM STDIN`.writable();
  // The stream is not ended: after its end this driver tells no error of the
  // COPY to anybody, whoever the server is. Destroying it sends a CopyFail
  // when the session has long gone on.
  const error = copy.errored || await new Promise((resolve) => {
    copy.on('error', resolve);
    copy.write(data);
    copy.write(data);
  });
  console.log(error.code, error.message);
  if (error.code !== '42501') throw error;
  console.log(await sql`SELECT 'still here' AS x`);
  await sql.end();
  console.log('end of the case');
})().catch((e) => {
  console.error(e);
  process.exit(1);
});
