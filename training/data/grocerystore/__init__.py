"""Makes a domain folder of GroceryStore: photographs of groceries taken in shops, with product texts.

Klasson, Zhang and Kjellström, "A Hierarchical Grocery Store Image Dataset with Visual
and Semantic Labels", WACV 2019; the data set is MIT licensed. What customers ask, and
what the assistant says in its own words, is ours and stands in ``wording``.
"""
