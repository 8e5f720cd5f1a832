// Package deploy runs what the deployment examples tell others to run: every
// command of the systemd unit, of the chart, of the job with a sidecar, of the
// compose file and of the image, with the real program, the examples' own
// configuration files and a real PostgreSQL server.
//
// What the examples say of places is moved: a path such as /etc/sluice lies in
// a stage, which is a temporary folder, the ports are free ones, and the
// database is at localhost. Everything else is as it stands in the file. A
// command that a file gains and no test runs fails TestEveryCommandIsRun.
//
// The chart and the compose file are read by the program in the folder render,
// a module of its own, with the libraries of Helm and of compose.
package deploy
