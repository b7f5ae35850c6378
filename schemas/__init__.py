"""The contract between the services: records, their encoding, metrics and topics. Nothing else is shared."""
