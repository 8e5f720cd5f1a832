// Package systemd speaks with the service manager: it says when the proxy is
// ready, reloads and stops (sd_notify), proves now and then that it lives
// (watchdog), and takes sockets that were opened for it (socket activation).
//
// All of it goes by environment variables that systemd sets, and by a datagram
// socket; other managers that speak the same words work as well. Without these
// variables everything here does nothing. They are meant for this process
// alone, so Open takes them out of the environment: a child would find sockets
// under numbers that mean something else to it.
//
// Sources: sd_notify(3), sd_listen_fds(3), sd_watchdog_enabled(3).
package systemd
