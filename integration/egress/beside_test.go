package egress

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
)

// beside is who looks on: a superuser in the lane's database, who listens, and one
// in the database of the other server.
type beside struct {
	here, afar *pgconn.PgConn
	// told says that a notification had the canary.
	told bool
}

// stand connects both. The caller has to leave.
func (l *lane) stand(t *testing.T) (*beside, error) {
	b := &beside{}
	config, err := pgconn.ParseConfig(l.world.Server.SuperuserDSN(l.database))
	if err != nil {
		return nil, err
	}
	config.OnNotification = func(_ *pgconn.PgConn, n *pgconn.Notification) { b.told = b.told || holdsCanary([]byte(n.Payload)) }
	if b.here, err = pgconn.ConnectConfig(t.Context(), config); err != nil {
		return nil, err
	}
	if b.afar, err = pgconn.Connect(t.Context(), l.world.Server.SuperuserDSN("afar_"+l.database)); err == nil {
		_, err = b.here.Exec(t.Context(), "LISTEN leak").ReadAll()
	}
	if err != nil {
		b.leave()
		return nil, err
	}
	return b, nil
}

// leave closes what is open; the server goes with the test, so that an error of a
// farewell tells nothing.
func (b *beside) leave() {
	for _, conn := range []*pgconn.PgConn{b.here, b.afar} {
		if conn != nil {
			_ = conn.Close(context.Background())
		}
	}
}
