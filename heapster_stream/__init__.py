"""The command line `heapster-stream`; the services are packages of their own.

`__main__`: the program and its subcommands · examples: examples in help texts · topics: `topics` · dead_letters:
`dead-letters` · dead_letter_records: read the dead-letter topics
"""
