"""What programs do with psycopg 3; prints everything they see."""
import logging

import psycopg
from psycopg.rows import dict_row

# Whether the driver warns of a second, ignored error of an aborted pipeline
# depends on how the answers are cut into packets.
logging.getLogger("psycopg").setLevel(logging.ERROR)


def note(*values):
    print(*(repr(v) for v in values))


def failure(step):
    try:
        step()
    except psycopg.Error as e:
        note("error", type(e).__name__, e.sqlstate, e.diag.message_primary, e.diag.message_detail, e.diag.message_hint)
    else:
        raise SystemExit("an error was expected")


conn = psycopg.connect("", autocommit=True)
note(conn.info.encoding, conn.info.server_version, conn.info.transaction_status, conn.info.parameter_status("integer_datetimes"))
conn.add_notice_handler(lambda d: note("notice", d.severity, d.message_primary, d.message_hint))

for binary in (False, True):
    with conn.cursor(binary=binary, row_factory=dict_row) as cur:
        cur.execute("SELECT id, email, name, born, seen, balance, score, tags, settings, avatar FROM users WHERE id <= %s ORDER BY id", (8,))
        note(cur.fetchall())
        note([(c.name, c.type_code, c.internal_size) for c in cur.description])

# From the sixth use the driver prepares the statement on the server.
for i in range(1, 12):
    note(conn.execute("SELECT email FROM users WHERE id = %s", (i,)).fetchone())
conn.prepare_threshold = 0
note(conn.execute("SELECT count(*) FROM notes WHERE id > %s", (10,)).fetchone())
note(conn.execute("SELECT %s::text, %s::int[], %s::bytea", ("ä", [1, None], b"\x00\x01")).fetchone())

failure(lambda: conn.execute("SELECT 1/%s::int", (0,)))
failure(lambda: conn.execute("SELECT * FROM nowhere"))
conn.prepare_threshold = None
cur = conn.execute("SELECT 1 AS a; SELECT 2 AS b, 3 AS c")
note(cur.fetchall(), cur.nextset(), cur.fetchall(), cur.nextset())
conn.prepare_threshold = 5

try:
    with conn.transaction():
        conn.execute("INSERT INTO notes VALUES (700, 'outer')")
        try:
            with conn.transaction():
                conn.execute("INSERT INTO notes VALUES (700, 'twice')")
        except psycopg.errors.UniqueViolation as e:
            note("inner", e.sqlstate, conn.info.transaction_status)
        conn.execute("INSERT INTO notes VALUES (701, 'still')")
        raise ValueError("roll back")
except ValueError:
    note(conn.execute("SELECT count(*) FROM notes WHERE id >= 700").fetchone())

with conn.pipeline() as pipeline:
    first = conn.execute("SELECT %s::int + 1", (1,))
    second = conn.cursor()
    second.executemany("INSERT INTO notes VALUES (%s, %s)", [(i, "p%d" % i) for i in range(710, 730)])
    third = conn.execute("SELECT count(*) FROM notes WHERE id >= %s", (700,))
    pipeline.sync()
    note(first.fetchone(), second.rowcount, third.fetchone())


def broken_pipeline():
    with conn.pipeline():
        conn.execute("INSERT INTO notes VALUES (%s, 'rolled back?')", (740,))
        conn.execute("SELECT 1/%s::int", (0,))
        conn.execute("INSERT INTO notes VALUES (%s, 'skipped')", (741,))


failure(broken_pipeline)
note(conn.execute("SELECT id FROM notes WHERE id >= 740 ORDER BY id").fetchall())

with conn.transaction():
    with conn.cursor(name="portal") as named:
        named.itersize = 20
        named.execute("SELECT id FROM sales.orders ORDER BY id LIMIT 90")
        note([r[0] for r in named])

with conn.cursor() as cur:
    with cur.copy("COPY (SELECT id, email, name FROM users ORDER BY id) TO STDOUT") as copy:
        note([row for row in copy.rows()])
    with cur.copy("COPY users TO STDOUT (FORMAT binary)") as copy:
        note(sum(len(block) for block in copy))
    cur.execute("CREATE TABLE bulk (id int PRIMARY KEY, body text)")
    with cur.copy("COPY bulk FROM STDIN") as copy:
        for i in range(3000):
            copy.write_row((i, None if i % 5 == 0 else "row %d" % i))
    note(cur.rowcount)
    with cur.copy("COPY bulk FROM STDIN (FORMAT binary)") as copy:
        copy.set_types(["int4", "text"])
        for i in range(3000, 3100):
            copy.write_row((i, "bin"))

    def duplicate():
        with cur.copy("COPY bulk FROM STDIN") as copy:
            copy.write_row((1, "twice"))

    failure(duplicate)

    def abandoned():
        with cur.copy("COPY bulk FROM STDIN") as copy:
            copy.write_row((9999, "lost"))
            raise psycopg.DataError("the program gives up")

    failure(abandoned)
    note(cur.execute("SELECT count(*), count(body) FROM bulk").fetchone())

conn.execute("LISTEN news")
with psycopg.connect("", autocommit=True) as other:
    other.execute("NOTIFY news, 'from another session'")
for notification in conn.notifies():
    note(notification.channel, notification.payload)
    break
conn.execute("UPDATE users SET name = 'p' WHERE id = 1")
note(conn.pgconn.transaction_status)
conn.close()
print("end of the case")
