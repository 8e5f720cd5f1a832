package main

import (
	_ "helm.sh/helm/v4/pkg/engine"
	_ "helm.sh/helm/v4/pkg/chart/v2/loader"
	_ "github.com/compose-spec/compose-go/v2/cli"
)

func main() {}
