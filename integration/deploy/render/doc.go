// Command render turns the deployment examples into what a cluster or an
// engine gets to see, with the very libraries that do it there: Helm's engine
// for the chart and the reference reader of compose files. It checks what it
// renders against the published schemas and prints it as YAML documents:
//
//	render chart FOLDER [VALUES]     a chart, with a file of values over its own
//	render manifests FILE            Kubernetes manifests as they are
//	render compose FILE              a compose file, completed
//
// Exit code 1 means that the input is not valid; standard error says why.
//
// It is a module of its own, so that the many modules behind Helm are no part
// of Sluice's. Kubernetes' schema is in testdata/kubernetes; that of compose
// files comes with its reader. The suite in integration/deploy builds this
// program and runs the commands that it prints.
package main
