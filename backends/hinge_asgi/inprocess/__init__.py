"""The in-process connection of the testing client and the conformance kit, as strict as the strictest server."""
