"""Instances on a cluster: pods of Deployments that the home gateway raises and lowers."""
