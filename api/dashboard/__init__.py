"""The data of the web page.

overview · tables (lists) · details (one entity) · search; page: their routes below `/page`
"""
