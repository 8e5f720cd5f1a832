import java.io.ByteArrayInputStream;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.Statement;
import org.postgresql.PGConnection;
import org.postgresql.util.PSQLException;

/** Loads standard input into a table that the policy closes, with JDBC. */
public class RefusedCopy {
  interface Load {
    void run() throws Exception;
  }

  public static void main(String[] args) throws Exception {
    byte[] data = System.in.readAllBytes();
    byte[] much = new String(data, StandardCharsets.UTF_8).repeat(20000).getBytes(StandardCharsets.UTF_8);
    try (Connection c = Target.connect(Target.properties()); Statement s = c.createStatement()) {
      var copy = c.unwrap(PGConnection.class).getCopyAPI();
      refused(s, () -> copy.copyIn("COPY vault FROM STDIN", new ByteArrayInputStream(data)));
      refused(s, () -> copy.copyIn("COPY vault FROM STDIN", new ByteArrayInputStream(much)));
      refused(s, () -> s.execute("COPY vault FROM STDIN"));
    }
    System.out.println("end of the case");
  }

  static void refused(Statement s, Load load) throws Exception {
    try {
      load.run();
      throw new IllegalStateException("the load was not refused");
    } catch (PSQLException e) {
      System.out.println(e.getSQLState() + " " + e.getMessage());
      if (!"42501".equals(e.getSQLState())) {
        throw e;
      }
    }
    try (ResultSet r = s.executeQuery("SELECT 'still here'")) {
      r.next();
      System.out.println(r.getString(1));
    }
  }
}
