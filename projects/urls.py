"""Pages of accounts, projects and their data."""

from django.contrib.auth.views import LoginView, LogoutView
from django.urls import path

from projects.views import datasets, guidelines, invitations, items, labels, members, members_file, notices, people, projects

urlpatterns = [
    path("", projects.home, name="home"),
    path("login/", LoginView.as_view(redirect_authenticated_user=True), name="login"),
    path("logout/", LogoutView.as_view(), name="logout"),
    path("account/", people.account, name="account"),
    path("people/", people.people, name="people"),
    path("people/new/", people.person_new, name="person-new"),
    path("people/<int:user_id>/", people.person, name="person"),
    path("projects/new/", projects.project_new, name="project-new"),
    path("projects/preview/", projects.preview, name="preview"),
    path("projects/<int:project_id>/", projects.overview, name="project"),
    path("projects/<int:project_id>/settings/", projects.settings, name="project-settings"),
    path("projects/<int:project_id>/archive/", projects.archive, name="project-archive"),
    path("projects/<int:project_id>/delete/", projects.delete, name="project-delete"),
    path("projects/<int:project_id>/members/", members.members, name="members"),
    path("projects/<int:project_id>/members/file/", members_file.page, name="members-file"),
    path("projects/<int:project_id>/guidelines/", guidelines.history, name="guidelines"),
    path("projects/<int:project_id>/invitations/", invitations.manage, name="invitations"),
    path("join/<str:token>/", invitations.join, name="join"),
    path("projects/<int:project_id>/notices/", notices.page, name="notices"),
    path("projects/<int:project_id>/labels/", labels.labels, name="labels"),
    path("projects/<int:project_id>/items/", items.items, name="items"),
    path("projects/<int:project_id>/items/<int:item_id>/", items.item, name="item"),
    path("projects/<int:project_id>/items/<int:item_id>/image/", items.image, name="item-image"),
    path("projects/<int:project_id>/export/", items.export, name="export"),
    path("projects/<int:project_id>/datasets/", datasets.datasets, name="datasets"),
    path("projects/<int:project_id>/datasets/new/", datasets.dataset_new, name="dataset-new"),
    path("projects/<int:project_id>/datasets/<int:dataset_id>/", datasets.dataset, name="dataset"),
    path("projects/<int:project_id>/datasets/<int:dataset_id>/report/", datasets.report, name="dataset-report"),
]
