"""Routing: path templates, routes, groups of routes, and the table that finds them."""

from hinge.routing.route import Route
from hinge.routing.router import Router
from hinge.routing.table import Conflict, RouteTable
from hinge.routing.template import PathTemplate

__all__ = ["Conflict", "PathTemplate", "Route", "RouteTable", "Router"]
