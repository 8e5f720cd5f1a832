"""Loads standard input into a table that the policy closes, with psycopg 3."""
import sys

import psycopg

data = sys.stdin.read()
for autocommit in (True, False):
    conn = psycopg.connect("", autocommit=autocommit)
    for copies in (1, 20000):
        try:
            with conn.cursor().copy("COPY vault FROM STDIN") as copy:
                for _ in range(copies):
                    copy.write(data)
        except psycopg.Error as e:
            print(e.sqlstate, e)
        else:
            raise SystemExit("the load was not refused")
        if not autocommit:
            conn.rollback()
        print(conn.execute("SELECT 'still here'").fetchone())
    conn.close()
print("end of the case")
