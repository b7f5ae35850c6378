"""One kubelet: where it is, how to connect to it, its responses.

- endpoint: URL, TLS settings and credentials of a kubelet
- open_files: the limit of open files, and the connections it allows
- tls: TLS contexts shared by connections
- deadline: a deadline for a whole response
- transport: GET requests over kept connections
- client: the Summary, cAdvisor metrics and pods of a kubelet
- summary_index: the pods and the sample time in a Summary
- cadvisor: the used lines of `/metrics/cadvisor`
- clock_offset: the kubelet's clock minus the scraper's
"""
