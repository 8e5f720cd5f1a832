"""What programs do with psycopg2; prints everything they see."""
import io

import psycopg2
import psycopg2.extras


def note(*values):
    print(*(repr(v) for v in values))


def failure(step):
    try:
        step()
    except psycopg2.Error as e:
        note("error", type(e).__name__, e.pgcode, e.diag.message_primary, e.diag.message_detail, e.diag.message_hint, e.diag.statement_position)
    else:
        raise SystemExit("an error was expected")


conn = psycopg2.connect("")
note(conn.encoding, conn.status, conn.get_parameter_status("standard_conforming_strings"), conn.server_version)
cur = conn.cursor()

cur.execute("SELECT id, email, name, mood, born, seen, balance, score, tags, settings, active FROM users ORDER BY id LIMIT 10")
for row in cur:
    note(row)
cur.execute("SELECT %s, %s, %s, %s", ("a'b\\c", None, [1, 2], b"\x00\xff".hex()))
note(cur.fetchone(), cur.description)
failure(lambda: cur.execute("SELECT 1/0"))
failure(lambda: cur.execute("SELECT 'in a failed block'"))
conn.rollback()
failure(lambda: cur.execute("SELECT * FROM nowhere"))
conn.rollback()

cur.execute("SELECT 1; SELECT 2; INSERT INTO notes VALUES (900, 'several')")
conn.commit()
cur.execute("SELECT body FROM notes WHERE id = 900")
note(cur.fetchall(), cur.statusmessage)

with conn.cursor(name="named", scrollable=True) as named:
    named.itersize = 30
    named.execute("SELECT id FROM sales.orders ORDER BY id LIMIT 100")
    note([r[0] for r in named])
    named.scroll(5, mode="absolute")
    note(named.fetchmany(3))
conn.commit()

out = io.StringIO()
cur.copy_expert("COPY (SELECT id, name FROM users ORDER BY id) TO STDOUT WITH CSV", out)
note(out.getvalue())
out = io.StringIO()
cur.copy_to(out, "notes", columns=("id",))
note(sorted(out.getvalue().split()))
cur.execute("CREATE TABLE bulk (id int PRIMARY KEY, body text)")
cur.copy_from(io.StringIO("1\tone\n2\t\\N\n3\tdrei\n"), "bulk")
failure(lambda: cur.copy_from(io.StringIO("x\ty\n"), "bulk"))
conn.rollback()
failure(lambda: cur.copy_expert("COPY nowhere FROM STDIN", io.StringIO("1\n")))
conn.rollback()

psycopg2.extras.execute_values(cur, "INSERT INTO notes VALUES %s RETURNING id", [(i, "v%d" % i) for i in range(910, 940)], page_size=10)
psycopg2.extras.execute_batch(cur, "UPDATE notes SET body = %s WHERE id = %s", [("u%d" % i, i) for i in range(910, 940)])
conn.commit()
cur.execute("SELECT id, body FROM notes WHERE id >= 910 ORDER BY id")
note(cur.fetchall())

conn.commit()
conn.set_session(isolation_level="SERIALIZABLE", readonly=True)
failure(lambda: cur.execute("INSERT INTO notes VALUES (1, 'x')"))
conn.rollback()
conn.set_session(isolation_level="DEFAULT", readonly=False, autocommit=True)
cur.execute("LISTEN news")
cur.execute("NOTIFY news, 'paper'")
conn.poll()
note([(n.channel, n.payload) for n in conn.notifies])
cur.execute("UPDATE users SET name = 'p' WHERE id = 1")
note(conn.notices)
conn.autocommit = False

lob = conn.lobject(0, "wb", 88001)
lob.write(b"large " * 5000)
lob.close()
lob = conn.lobject(88001, "rb")
lob.seek(29990)
note(lob.read(), lob.tell())
lob.unlink()
conn.commit()
conn.reset()
note(conn.closed)
conn.close()
print("end of the case")
