"""GEN: names that refer to nothing, and facts about nothing. Most of this family is found while loading."""
