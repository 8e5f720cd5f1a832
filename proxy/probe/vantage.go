package probe

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"

	"github.com/sluice-pg/sluice/policy/destination"
)

// vantage is an address to knock from. Which rule of pg_hba.conf a knock meets
// depends on it.
type vantage struct {
	source string // empty if the system chooses
	dial   func(ctx context.Context, network, address string) (net.Conn, error)
}

// vantages lists where to knock from.
func vantages(o Options) ([]vantage, error) {
	if o.Dial != nil {
		if len(o.Sources) > 0 {
			return nil, errors.New("addresses to knock from cannot be combined with a dialer")
		}
		return []vantage{{dial: o.Dial}}, nil
	}
	if len(o.Sources) > maxVantages {
		return nil, fmt.Errorf("there are %d addresses to knock from, more than %d", len(o.Sources), maxVantages)
	}
	first := vantage{dial: new(net.Dialer).DialContext}
	if o.Source != nil {
		first = from(o.Source)
	}
	all := []vantage{first}
	for _, source := range o.Sources {
		all = append(all, from(source))
	}
	return all, nil
}

func from(source net.IP) vantage {
	dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: source}}
	return vantage{source: source.String(), dial: dialer.DialContext}
}

// reaching lists the vantages from which something answers. From one where
// nothing does the place is closed; one that cannot be used is a problem.
func (d *door) reaching(ctx context.Context, v *visit) []vantage {
	open := d.vantages[:1:1]
	for _, from := range d.vantages[1:] {
		conn, err := d.dial(ctx, v.address, from)
		switch {
		case err == nil:
			conn.Close()
			open = append(open, from)
		case nobodyThere(err) && !errors.Is(err, syscall.EADDRNOTAVAIL):
			v.closed = append(v.closed, from.source)
		default:
			v.problems = append(v.problems, "knocking from "+from.source+" is not possible: "+destination.Clean(err.Error()))
		}
	}
	return open
}
