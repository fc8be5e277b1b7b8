"""Parts of the speed benchmark; ``speed.py`` beside this folder is the command."""
