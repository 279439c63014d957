// The module that builds the Temporal CLI from source where only package registries are reachable.
// `go install` refuses the release as it is, because its go.mod replaces cliext by a local folder; go.sum pins everything.
module powerloom.local/temporal-cli

go 1.26.4

require github.com/temporalio/cli v1.8.2

replace github.com/temporalio/cli/cliext => github.com/temporalio/cli/cliext v0.0.0-20260731000218-c579925f193f
