"""The commands `make package`, `make deploy` and `make undeploy`."""
