"""What stands behind `make package`, `make deploy` and `make undeploy`."""
