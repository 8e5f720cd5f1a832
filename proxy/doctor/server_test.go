package doctor

import (
	"encoding/pem"
	"os"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sluice-pg/sluice/examples/demo/pgserver"
)

func writePEM(t *testing.T, path string, der []byte) {
	t.Helper()
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}

// The doctor's clock is wrong, and a real server's is right.
func TestClockOfAServer(t *testing.T) {
	server, err := pgserver.Start(t.Context(), pgserver.Options{Version: 15})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	config, err := pgconn.ParseConfig(server.SuperuserDSN("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	readOnly(config)
	conn, err := pgconn.ConnectConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	for wrong, state := range map[time.Duration]State{
		0: OK, 3 * time.Second: Warning, -3 * time.Second: Warning, 10 * time.Second: Problem, -10 * time.Second: Problem,
	} {
		got := only(t, func(f *findings) {
			lookAtServerClock(t.Context(), f, connection{conn}, func() time.Time { return time.Now().Add(wrong) })
		})
		want(t, wrong.String(), got, state, "")
	}
	if _, err := (connection{conn}).ask(t.Context(), "CREATE TABLE t ()"); err == nil {
		t.Error("the doctor can change the server")
	}
}
