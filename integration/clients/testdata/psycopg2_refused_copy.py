"""Loads standard input into a table that the policy closes, with psycopg2."""
import io
import sys

import psycopg2

data = sys.stdin.read()
conn = psycopg2.connect("")
for autocommit in (True, False):
    conn.autocommit = autocommit
    cur = conn.cursor()
    for load in (
        lambda: cur.copy_expert("COPY vault FROM STDIN", io.StringIO(data)),
        lambda: cur.copy_from(io.StringIO(data * 20000), "vault"),
        lambda: cur.execute("COPY vault FROM STDIN"),
    ):
        try:
            load()
        except psycopg2.Error as e:
            print(e.pgcode, e)
        else:
            raise SystemExit("the load was not refused")
        if not autocommit:
            conn.rollback()
        cur.execute("SELECT 'still here'")
        print(cur.fetchone())
conn.close()
print("end of the case")
