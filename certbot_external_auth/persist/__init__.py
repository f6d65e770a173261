"""The verb `persist`, which prints the records of dns-persist-01 and says whether they stand."""
