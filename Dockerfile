FROM astrocrpublic.azurecr.io/runtime:3.3-1-python-3.11
