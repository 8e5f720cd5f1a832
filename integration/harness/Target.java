import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.util.Map;
import java.util.Properties;

/** What the harness tells a program of where to log in, in its environment. */
class Target {
  private static final Map<String, String> ENV = System.getenv();

  static Properties properties() {
    Properties p = new Properties();
    p.setProperty("user", ENV.get("PGUSER"));
    p.setProperty("password", ENV.get("PGPASSWORD"));
    p.setProperty("sslmode", ENV.get("PGSSLMODE"));
    p.setProperty("sslrootcert", ENV.get("PGSSLROOTCERT"));
    return p;
  }

  static Connection connect(Properties p) throws SQLException {
    return DriverManager.getConnection("jdbc:postgresql://" + ENV.get("PGHOST") + ":" + ENV.get("PGPORT") + "/" + ENV.get("PGDATABASE"), p);
  }
}
