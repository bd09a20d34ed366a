from django.urls import path

from realtime import views

urlpatterns = [
    path("readyz", views.readyz),
    path("metrics", views.metrics_page),
]
