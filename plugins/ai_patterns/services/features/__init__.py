"""The feature service: online features behind the protocols of Feast's feature server and of Tecton."""
