"""Transfers of media in, out of and between stores, as ls, cp and rm do them.

listing   what a URL or path holds        placing   what goes where, one task per object
tasks     many at once, counted, stopped  copying, removal   what each task does
"""
