import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.StringReader;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.ResultSetMetaData;
import java.sql.SQLException;
import java.sql.SQLWarning;
import java.sql.Savepoint;
import java.sql.Statement;
import java.util.Arrays;
import java.util.Properties;
import org.postgresql.PGConnection;
import org.postgresql.PGNotification;
import org.postgresql.largeobject.LargeObject;
import org.postgresql.largeobject.LargeObjectManager;
import org.postgresql.util.PSQLException;
import org.postgresql.util.ServerErrorMessage;

/** What programs do with JDBC; prints everything they see. The argument is the driver's preferQueryMode. */
public class Matrix {
  interface Step {
    void run() throws Exception;
  }

  public static void main(String[] args) throws Exception {
    try (Connection c = connect(args[0])) {
      metadata(c);
      queries(c);
      failures(c);
      batches(c);
      transactions(c);
      cursors(c);
      copies(c);
      largeObjects(c);
      notifications(c);
    }
    System.out.println("end of the case");
  }

  static Connection connect(String mode) throws SQLException {
    Properties p = Target.properties();
    p.setProperty("preferQueryMode", mode);
    p.setProperty("prepareThreshold", "3");
    return Target.connect(p);
  }

  static void print(ResultSet r) throws SQLException {
    ResultSetMetaData m = r.getMetaData();
    StringBuilder line = new StringBuilder();
    for (int i = 1; i <= m.getColumnCount(); i++) {
      line.append(m.getColumnLabel(i)).append(' ').append(m.getColumnTypeName(i)).append(" | ");
    }
    System.out.println(line);
    while (r.next()) {
      line.setLength(0);
      for (int i = 1; i <= m.getColumnCount(); i++) {
        line.append(r.getString(i)).append(" | ");
      }
      System.out.println(line);
    }
    r.close();
  }

  static void failure(Step s) throws Exception {
    try {
      s.run();
    } catch (PSQLException e) {
      ServerErrorMessage m = e.getServerErrorMessage();
      System.out.println("error " + e.getSQLState() + " " + e.getMessage()
          + (m == null ? "" : " detail " + m.getDetail() + " hint " + m.getHint() + " position " + m.getPosition()));
      return;
    }
    throw new IllegalStateException("an error was expected");
  }

  static void metadata(Connection c) throws SQLException {
    System.out.println(c.getMetaData().getDatabaseProductVersion() + " " + c.getAutoCommit() + " " + c.getTransactionIsolation());
    print(c.getMetaData().getTables(null, "sales", "%", null));
    print(c.getMetaData().getColumns(null, "public", "users", "%"));
    print(c.getMetaData().getPrimaryKeys(null, "public", "users"));
    print(c.getMetaData().getIndexInfo(null, "sales", "orders", false, true));
    print(c.getMetaData().getImportedKeys(null, "sales", "orders"));
  }

  static void queries(Connection c) throws SQLException {
    try (Statement s = c.createStatement()) {
      print(s.executeQuery("SELECT id, email, name, born, seen, balance, score, tags, settings, avatar FROM users ORDER BY id LIMIT 8"));
      boolean more = s.execute("SELECT 1 AS a; SELECT 2 AS b; UPDATE users SET name = 'j' WHERE id = 1");
      while (more || s.getUpdateCount() != -1) {
        if (more) {
          print(s.getResultSet());
        } else {
          System.out.println("updated " + s.getUpdateCount());
        }
        more = s.getMoreResults();
      }
      for (SQLWarning w = s.getWarnings(); w != null; w = w.getNextWarning()) {
        System.out.println("warning " + w.getSQLState() + " " + w.getMessage());
      }
    }
    try (PreparedStatement p = c.prepareStatement("SELECT email, born FROM users WHERE id = ?")) {
      for (int i = 1; i < 9; i++) {
        p.setInt(1, i);
        print(p.executeQuery());
      }
      System.out.println(p.getParameterMetaData().getParameterTypeName(1));
    }
    try (PreparedStatement p = c.prepareStatement("INSERT INTO notes VALUES (?, ?)", Statement.RETURN_GENERATED_KEYS)) {
      p.setInt(1, 800);
      p.setString(2, "generated");
      System.out.println(p.executeUpdate());
      print(p.getGeneratedKeys());
    }
  }

  static void failures(Connection c) throws Exception {
    try (Statement s = c.createStatement()) {
      failure(() -> s.executeQuery("SELECT 1/0"));
      failure(() -> s.executeQuery("SELECT * FROM nowhere"));
      failure(() -> s.execute("INSERT INTO notes VALUES (800, 'twice')"));
      s.setQueryTimeout(1);
      failure(() -> s.executeQuery("SELECT pg_sleep(20)"));
      s.setQueryTimeout(0);
      print(s.executeQuery("SELECT 'still here' AS x"));
    }
  }

  static void batches(Connection c) throws Exception {
    try (PreparedStatement p = c.prepareStatement("INSERT INTO notes VALUES (?, ?)")) {
      for (int i = 0; i < 300; i++) {
        p.setInt(1, 10000 + i);
        p.setString(2, "batch " + i);
        p.addBatch();
      }
      System.out.println(Arrays.stream(p.executeBatch()).sum());
      p.setInt(1, 20000);
      p.setString(2, "first");
      p.addBatch();
      p.setInt(1, 10001);
      p.setString(2, "twice");
      p.addBatch();
      p.setInt(1, 20001);
      p.setString(2, "last");
      p.addBatch();
      try {
        p.executeBatch();
      } catch (java.sql.BatchUpdateException e) {
        System.out.println("batch " + e.getSQLState() + " " + e.getMessage() + " " + Arrays.toString(e.getUpdateCounts()));
      }
    }
    try (Statement s = c.createStatement()) {
      s.addBatch("INSERT INTO notes VALUES (21000, 'a')");
      s.addBatch("UPDATE notes SET body = 'b' WHERE id = 21000");
      System.out.println(Arrays.toString(s.executeBatch()));
      print(s.executeQuery("SELECT count(*), max(id) FROM notes"));
    }
  }

  static void transactions(Connection c) throws Exception {
    c.setAutoCommit(false);
    try (Statement s = c.createStatement()) {
      s.executeUpdate("INSERT INTO notes VALUES (30000, 'kept')");
      Savepoint point = c.setSavepoint("here");
      failure(() -> s.executeUpdate("INSERT INTO notes VALUES (30000, 'twice')"));
      failure(() -> s.executeQuery("SELECT 1"));
      c.rollback(point);
      c.commit();
      print(s.executeQuery("SELECT body FROM notes WHERE id = 30000"));
      c.rollback();
    }
  }

  static void cursors(Connection c) throws SQLException {
    try (PreparedStatement p = c.prepareStatement("SELECT id, amount FROM sales.orders WHERE id <= ? ORDER BY id")) {
      p.setFetchSize(25);
      p.setInt(1, 90);
      print(p.executeQuery());
      p.setMaxRows(7);
      print(p.executeQuery());
    }
    c.commit();
    c.setAutoCommit(true);
  }

  static void copies(Connection c) throws Exception {
    org.postgresql.copy.CopyManager copy = c.unwrap(PGConnection.class).getCopyAPI();
    StringWriter out = new StringWriter();
    System.out.println(copy.copyOut("COPY (SELECT id, email, name FROM users ORDER BY id) TO STDOUT", out));
    System.out.println(out);
    ByteArrayOutputStream binary = new ByteArrayOutputStream();
    System.out.println(copy.copyOut("COPY users TO STDOUT (FORMAT binary)", binary) + " " + binary.size());
    try (Statement s = c.createStatement()) {
      s.execute("CREATE TABLE bulk (id int PRIMARY KEY, body text)");
      System.out.println(copy.copyIn("COPY bulk FROM STDIN", new StringReader("1\tone\n2\ttwo\n3\t\\N\n")));
      byte[] csv = "4,vier\n5,\"f,\"\"u\"\"\"\n".getBytes(StandardCharsets.UTF_8);
      System.out.println(copy.copyIn("COPY bulk FROM STDIN CSV", new ByteArrayInputStream(csv)));
      failure(() -> copy.copyIn("COPY bulk FROM STDIN", new StringReader("1\ttwice\n")));
      failure(() -> copy.copyIn("COPY nowhere FROM STDIN", new StringReader("1\n")));
      failure(() -> copy.copyOut("COPY nowhere TO STDOUT", new StringWriter()));
      print(s.executeQuery("SELECT * FROM bulk ORDER BY id"));
    }
  }

  static void largeObjects(Connection c) throws Exception {
    c.setAutoCommit(false);
    LargeObjectManager manager = c.unwrap(PGConnection.class).getLargeObjectAPI();
    long id = manager.createLO();
    LargeObject object = manager.open(id, LargeObjectManager.READWRITE);
    byte[] data = new byte[40000];
    Arrays.fill(data, (byte) 7);
    object.write(data);
    object.seek(39990);
    System.out.println(object.read(50).length + " " + object.tell() + " " + object.size());
    object.close();
    manager.delete(id);
    c.commit();
    c.setAutoCommit(true);
  }

  static void notifications(Connection c) throws SQLException {
    try (Statement s = c.createStatement()) {
      s.execute("LISTEN news");
      s.execute("NOTIFY news, 'paper'");
      PGNotification[] got = c.unwrap(PGConnection.class).getNotifications(2000);
      for (PGNotification n : got == null ? new PGNotification[0] : got) {
        System.out.println("notification " + n.getName() + " " + n.getParameter());
      }
    }
  }
}
