"""`python -m radcodec.cli`, for where the script is not on the path."""

from radcodec.cli import main

main(prog_name="radcodec")
