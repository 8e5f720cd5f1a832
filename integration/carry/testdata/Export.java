import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.Statement;
import java.util.Map;
import java.util.Properties;
import org.postgresql.util.PSQLException;

/**
 * Exports tables as programs with windows do over JDBC (DBeaver, DataGrip, SQL Workbench): they
 * look at the columns, open a transaction, read page by page from a portal, and write a file.
 * Each argument is a class and a table, with = between.
 */
public class Export {
  static final int PAGE = 2;

  public static void main(String[] args) throws Exception {
    Map<String, String> env = System.getenv();
    Properties p = Target.properties();
    p.setProperty("ApplicationName", "a program with windows - Export");
    p.setProperty("options", "-c sluice.destination=analytics");
    if (env.containsKey("EXPORT_KEY")) {
      p.setProperty("sslcert", env.get("EXPORT_CERT"));
      p.setProperty("sslkey", env.get("EXPORT_KEY"));
    }
    try (Connection c = Target.connect(p)) {
      c.setReadOnly(true);
      c.setAutoCommit(false);
      for (String arg : args) {
        String[] part = arg.split("=");
        System.out.println("@@" + part[0]);
        System.err.println("@@" + part[0]);
        try {
          System.out.print(export(c, part[1]));
          c.commit();
        } catch (PSQLException e) {
          var said = e.getServerErrorMessage();
          System.err.println("ERROR: " + said.getMessage() + "\nDETAIL:  " + said.getDetail());
          c.rollback();
        }
      }
    }
  }

  /** Writes a table to a file, and returns what is in it. */
  static String export(Connection c, String table) throws Exception {
    String[] name = table.split("\\.");
    StringBuilder columns = new StringBuilder();
    try (ResultSet r = c.getMetaData().getColumns(null, name[0], name[1], null)) {
      while (r.next()) {
        columns.append(columns.isEmpty() ? "" : ", ").append(r.getString("COLUMN_NAME"));
      }
    }
    Path file = Files.createTempFile(Path.of("."), "export", ".csv");
    try (var out = Files.newBufferedWriter(file); Statement s = c.createStatement(ResultSet.TYPE_FORWARD_ONLY, ResultSet.CONCUR_READ_ONLY)) {
      s.setFetchSize(PAGE);
      try (ResultSet r = s.executeQuery("SELECT " + columns + " FROM " + table)) {
        while (r.next()) {
          out.write(r.getString(1));
          out.newLine();
        }
      }
    }
    return Files.readString(file);
  }
}
