"""The operations, each written once as a flow: submit, resolve, watch, wait, download, rescue."""
