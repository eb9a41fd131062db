"""The picture of the program: a hull and its outrigger on the accent colour, drawn, so that every size is sharp."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QIcon, QPainter, QPainterPath, QPen, QPixmap

from ui.theme import LIGHT, colour

SIZES = (16, 24, 32, 48, 64, 128, 256, 512)


def application_icon() -> QIcon:
    """The icon in every size a desktop asks for."""
    icon = QIcon()
    for side in SIZES:
        icon.addPixmap(application_picture(side))
    return icon


def application_picture(side: int) -> QPixmap:
    """One picture of ``side`` pixels."""
    picture = QPixmap(side, side)
    picture.fill(Qt.GlobalColor.transparent)
    painter = QPainter(picture)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.scale(side / 64, side / 64)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(colour(LIGHT.accent))
    painter.drawRoundedRect(QRectF(2, 2, 60, 60), 14, 14)
    white = colour("#ffffff")
    sail = QPainterPath(QPointF(37, 9))
    sail.quadTo(QPointF(56, 22), QPointF(52, 37))
    sail.lineTo(QPointF(37, 37))
    sail.closeSubpath()
    painter.fillPath(sail, white)
    hull = QPainterPath(QPointF(24, 42))
    hull.lineTo(QPointF(57, 42))
    hull.quadTo(QPointF(54, 53), QPointF(45, 53))
    hull.lineTo(QPointF(34, 53))
    hull.quadTo(QPointF(26, 53), QPointF(24, 42))
    painter.fillPath(hull, white)
    painter.setBrush(white)
    painter.drawRoundedRect(QRectF(6, 46, 15, 7), 3.5, 3.5)
    beam = QPainterPath(QPointF(13.5, 48))
    beam.cubicTo(QPointF(13.5, 33), QPointF(24, 32), QPointF(32, 42))
    pen = QPen(white, 3.2)
    pen.setCapStyle(Qt.PenCapStyle.RoundCap)
    painter.strokePath(beam, pen)
    painter.end()
    return picture
