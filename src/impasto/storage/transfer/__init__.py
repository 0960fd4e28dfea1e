"""Moving media in, out of and between stores: what ls, cp and rm do.

listing   what a URL or path holds        placing   what goes where, one task an object
tasks     many at once, counted, stopped  copying, removal   what each task does
"""
