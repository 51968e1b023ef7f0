"""Models of the catalogue, a noun a file."""

from .brand import Brand
from .category import Category
from .cost import ProductCost
from .department import Department
from .price import ProductPrice
from .product import Product
from .scope import DepartmentScope
from .vendor import Vendor

__all__ = [
    "Brand",
    "Category",
    "Department",
    "DepartmentScope",
    "Product",
    "ProductCost",
    "ProductPrice",
    "Vendor",
]
