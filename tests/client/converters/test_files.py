"""Files of an export: zips, names in an upload, formats of images, different palettes."""

import tarfile
import zipfile
from pathlib import Path

import pytest
from PIL import Image

from handsoff_client.converters.conversion import (
    Choices,
    Conversion,
    LabelledImage,
    Labels,
    Notes,
    class_list,
)
from handsoff_client.converters.files import ImageFinder, opened, read_text
from handsoff_client.converters.folders import palette_of, upload_names
from handsoff_shards.errors import InvalidInput
from tests.client.converters.conftest import save_image


def conversion(*files: Path, colors: dict[str, tuple[int, int, int]] | None = None) -> Conversion:
    """Return a conversion of files without labels."""
    images = [LabelledImage(file, file.name, lambda _: Labels()) for file in files]
    classes = ("background", "cat")
    return Conversion(tool="", images=images, notes=Notes(), classes=classes, colors=colors or {})


def test_a_zip_is_unpacked_and_removed(tmp_path: Path) -> None:
    """The temporary folder exists only inside the block; a name with .. stays inside it."""
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("../outside.txt", "text")
    with opened(tmp_path / "a.zip") as folder:
        assert [one.name for one in folder.rglob("*")] == ["outside.txt"]
        assert folder.name == "a"
    assert not folder.exists()
    assert [one.name for one in tmp_path.iterdir()] == ["a.zip"]


@pytest.mark.parametrize(
    ("raw", "name"), [("Zo\u00eb".encode(), "Zo\u00eb"), (b"x\\y\\z", "x/y/z"), (b"\x89", "\u00eb")]
)
def test_names_in_a_zip(tmp_path: Path, raw: bytes, name: str) -> None:
    """UTF-8 without its flag (macOS), backslashes, and code page 437."""
    plain = b"n" * len(raw)
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(plain.decode(), "text")
    (tmp_path / "a.zip").write_bytes((tmp_path / "a.zip").read_bytes().replace(plain, raw))
    with opened(tmp_path / "a.zip") as folder:
        (file,) = (one for one in folder.rglob("*") if one.is_file())
        assert file.relative_to(folder).as_posix() == name


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:xz"])
def test_a_tar_is_unpacked_too(tmp_path: Path, mode: str) -> None:
    """A path out of the folder is refused."""
    (tmp_path / "a.txt").write_text("text")
    for name in ("x/a.txt", "../a.txt"):
        with tarfile.open(tmp_path / "set.tar.gz", mode) as archive:  # type: ignore[call-overload]
            archive.add(tmp_path / "a.txt", name)
        if name.startswith("."):
            with pytest.raises(InvalidInput, match="cannot be unpacked"):
                opened(tmp_path / "set.tar.gz").__enter__()
        else:
            with opened(tmp_path / "set.tar.gz") as folder:
                assert (folder.name, (folder / name).read_text()) == ("set", "text")


def test_a_missing_export_is_refused(tmp_path: Path) -> None:
    """The message says what to give."""
    with pytest.raises(InvalidInput, match="does not exist"), opened(tmp_path / "no"):
        pass


def test_text_of_another_encoding_is_refused(tmp_path: Path) -> None:
    """Names would be wrong."""
    (tmp_path / "a.txt").write_bytes("caf\xe9".encode("latin-1"))
    with pytest.raises(InvalidInput, match="expected text in UTF-8"):
        read_text(tmp_path / "a.txt")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_text_of_windows_is_read(tmp_path: Path, encoding: str) -> None:
    """With a byte order mark, and with its line ends."""
    (tmp_path / "a.txt").write_bytes("caf\u00e9\r\nb".encode(encoding))
    assert read_text(tmp_path / "a.txt") == "caf\u00e9\nb"


@pytest.mark.parametrize(
    ("files", "names"),
    [
        (("x/a.png", "y/b.png"), ["a", "b"]),
        (("x/images/a.png", "y/images/a.png"), ["x-a", "y-a"]),
        (("x/a.png", "x/a.jpg"), ["x-a-png", "x-a-jpg"]),
        (("x/a.png", "y/A.png"), ["x-a", "y-A"]),
        (("1/x/a.png", "2/x/a.png"), ["1-x-a-png", "2-x-a-png"]),
    ],
)
def test_names_in_an_upload_differ(files: tuple[str, ...], names: list[str]) -> None:
    """They get the folder in front only if needed. Upper and lower case are equal on some systems."""
    assert list(upload_names(conversion(*map(Path, files))).values()) == names


def test_an_image_is_annotated_once() -> None:
    """Two annotations of one file are ambiguous."""
    with pytest.raises(InvalidInput, match=r"'a.png' is annotated twice"):
        upload_names(conversion(Path("a.png"), Path("a.png")))


def test_other_formats_of_images_are_named(tmp_path: Path) -> None:
    """The image exists, but the service does not read it."""
    Image.new("RGB", (4, 4)).save(tmp_path / "a.bmp")
    with pytest.raises(InvalidInput, match=r"'a.bmp' is not PNG, JPEG or WebP"):
        ImageFinder(tmp_path).find("a.bmp")
    assert ImageFinder(tmp_path).find("b.bmp") is None


def test_names_in_both_forms_of_unicode_match(tmp_path: Path) -> None:
    """MacOS decomposes letters; Windows writes backslashes."""
    save_image(tmp_path / "sub" / "cafe\u0301.png")
    assert ImageFinder(tmp_path).find("sub\\caf\xe9.png") is not None


def test_names_may_be_percent_encoded(tmp_path: Path) -> None:
    """Label Studio exports them so. An image with exactly that name comes first."""
    plain, encoded = tmp_path / "my cat.png", tmp_path / "my%20dog.png"
    for path in (plain, encoded):
        save_image(path)
    finder = ImageFinder(tmp_path)
    assert finder.find("images/my%20cat.png") == plain
    assert finder.find("my%20dog.png") == encoded
    assert finder.find("my%20bird.png") is None


def test_colors_are_used_only_if_they_differ() -> None:
    """A palette with two equal colors would mix classes up. The color of 255 is that of no class."""
    assert palette_of(conversion(colors={"background": (0, 0, 0)})) is None
    assert palette_of(conversion(colors={"background": (0, 0, 0), "cat": (0, 0, 0)})) is None
    palette = palette_of(conversion(colors={"background": (0, 0, 0), "cat": (224, 224, 192)}))
    assert palette is not None
    assert (len(palette), palette[3:6]) == (768, [224, 224, 192])
    assert palette[-3:] != [224, 224, 192]


def test_a_class_list_starts_with_the_background() -> None:
    """Wherever the tool lists it, and in the spelling with underscores."""
    names = ["cat", "_background_", "dog", "void"]
    assert class_list(names, "f", Choices(ignore_label="void")) == ("background", "cat", "dog")
    with pytest.raises(InvalidInput, match="got 'cat' twice"):
        class_list(["cat", " cat"], "f", Choices())
    with pytest.raises(InvalidInput, match="at most 254 labels"):
        class_list([str(number) for number in range(255)], "f", Choices())
