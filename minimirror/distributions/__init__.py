"""Distribution files: their names, the environments that accept them, their metadata.

``filenames`` parses the names of wheels, sdists and older formats, ``package_types`` lists these formats,
``tags`` knows which tags there are, ``targets`` which of them an environment accepts. ``core_metadata`` reads
a wheel's METADATA and an sdist's PKG-INFO, from the ``archives`` that they lie in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from minimirror.common import lazy

if TYPE_CHECKING:
    from minimirror.distributions.archives import (
        MAX_METADATA,
        BrokenArchiveError,
        MetadataError,
        open_zip,
        read_member,
        read_sdist_file,
    )
    from minimirror.distributions.core_metadata import (
        read_metadata,
        read_offered_metadata,
        read_wheel_metadata,
        requires_python,
        valid_requires_python,
        without_invalid_python,
    )
    from minimirror.distributions.filenames import (
        MAX_FILENAME,
        Distribution,
        FilenameError,
        projects_named,
        read_filename,
    )
    from minimirror.distributions.package_types import EXTENSIONS, PackageType
    from minimirror.distributions.tags import (
        USUAL_PLATFORMS,
        USUAL_PYTHONS,
        is_platform,
        is_python,
        platform_family,
        similar_platforms,
        similar_pythons,
    )
    from minimirror.distributions.targets import Target, target_of_this_machine

__all__ = [
    "EXTENSIONS",
    "MAX_FILENAME",
    "MAX_METADATA",
    "USUAL_PLATFORMS",
    "USUAL_PYTHONS",
    "BrokenArchiveError",
    "Distribution",
    "FilenameError",
    "MetadataError",
    "PackageType",
    "Target",
    "is_platform",
    "is_python",
    "open_zip",
    "platform_family",
    "projects_named",
    "read_filename",
    "read_member",
    "read_metadata",
    "read_offered_metadata",
    "read_sdist_file",
    "read_wheel_metadata",
    "requires_python",
    "similar_platforms",
    "similar_pythons",
    "target_of_this_machine",
    "valid_requires_python",
    "without_invalid_python",
]

__getattr__ = lazy(
    __name__,
    {
        "archives": "MAX_METADATA BrokenArchiveError MetadataError open_zip read_member read_sdist_file",
        "core_metadata": "read_metadata read_offered_metadata read_wheel_metadata requires_python"
        " valid_requires_python without_invalid_python",
        "filenames": "MAX_FILENAME Distribution FilenameError projects_named read_filename",
        "package_types": "EXTENSIONS PackageType",
        "tags": "USUAL_PLATFORMS USUAL_PYTHONS is_platform is_python platform_family similar_platforms"
        " similar_pythons",
        "targets": "Target target_of_this_machine",
    },
)
