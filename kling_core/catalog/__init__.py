"""What Kling's models and endpoints can do, what they cost, and the rules of a request, as data.

The JSON files here hold the facts, each with its source and date; `data` reads them, `rules` judges
a request by them, `pricing` quotes it.
"""
