"""A store of code inside the cluster, as teams have them: archives over plain HTTP, and an S3 of its own."""
