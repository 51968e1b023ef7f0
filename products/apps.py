"""Configuration of the app `products`."""

from django.apps import AppConfig


class ProductsConfig(AppConfig):
    name = "products"
