"""Funclet on a test cluster, as a user puts it there: images built and loaded, the chart installed by Helm."""
