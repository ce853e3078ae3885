from __future__ import annotations

import pytest

from rerank_model.data.movie_text import Movie, front_article, movie_catalogue, movie_text, split_year


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("Matrix, The", "The Matrix"),
        ("Enfer, L'", "L'Enfer"),
        ("Big Blue, The (Grand bleu, Le)", "The Big Blue (Le Grand bleu)"),
        ("Die xue shuang xiong (Killer, The)", "Die xue shuang xiong (The Killer)"),
        ("Good, The Bad and The Ugly, The", "The Good, The Bad and The Ugly"),
        ("Paris, Texas", "Paris, Texas"),
        ("Bye Bye, Love", "Bye Bye, Love"),
        ("Seven (Se7en)", "Seven (Se7en)"),
        ("The Fan", "The Fan"),
    ],
)
def test_article_goes_to_the_front(title: str, expected: str) -> None:
    assert front_article(title) == expected


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("Toy Story (1995)", ("Toy Story", "1995")),
        ("Two Friends (1986) ", ("Two Friends", "1986")),
        ("Great Giving (1995) (V)", ("Great Giving", "1995")),
        ("Seven (Se7en) (1995)", ("Seven (Se7en)", "1995")),
        ("2001: A Space Odyssey (1968)", ("2001: A Space Odyssey", "1968")),
        ("unknown", ("unknown", None)),
    ],
)
def test_year_is_split_off(title: str, expected: tuple[str, str | None]) -> None:
    assert split_year(title) == expected


def test_text_has_title_year_and_the_first_two_genres() -> None:
    movie = Movie("1", "Matrix, The", "1999", ("Action", "Sci-Fi", "Thriller"))
    assert movie_text(movie) == "The Matrix (1999), Action, Sci-Fi"
    assert movie_text(movie, n_genres=0) == "The Matrix (1999)"
    assert movie_text(Movie("267", "unknown", None, ())) == "unknown"
    assert movie_catalogue([movie]).texts == {"1": "The Matrix (1999), Action, Sci-Fi"}
