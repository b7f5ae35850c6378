"""heapster-stream: Heapster's cluster metrics as a stream. The program; its services are packages of their own."""
