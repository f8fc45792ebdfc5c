"""`python -m milkbot.cli`, for where the console script is not on the path."""

from milkbot.cli import main

main()
