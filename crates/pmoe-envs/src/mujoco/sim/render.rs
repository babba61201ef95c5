//! Renders MuJoCo tasks off screen through EGL.

use std::fmt;
use std::sync::Arc;

use mujoco_rs::renderer::MjRenderer;
use mujoco_rs::wrappers::mj_data::MjData;
use mujoco_rs::wrappers::mj_model::{MjModel, MjtObjBase};
use mujoco_rs::wrappers::mj_visualization::MjvCamera;

use super::{fresh_model, model_path};
use crate::env::EnvError;
use crate::frame::{Frame, check_picture_size};
use crate::mujoco::MujocoEnv;

/// Renders the states of one task. It holds a graphics context and must stay on the thread that
/// created it.
pub struct Renderer {
    renderer: MjRenderer,
    /// A copy to draw from, so that drawing does not affect the task.
    data: MjData<Arc<MjModel>>,
    width: usize,
    height: usize,
}

impl Renderer {
    /// Creates a renderer of `env`'s model. It uses the model's camera `track` if there is one,
    /// otherwise a free camera.
    ///
    /// # Errors
    /// If there is no graphics device, the model can't be read, or a size is 0 or above 4096
    /// pixels.
    pub fn new(env: &MujocoEnv, width: usize, height: usize) -> Result<Self, EnvError> {
        check_picture_size(width, height)?;
        let path = model_path(&env.rules.model)?;
        let mut model = fresh_model(&path)?;
        let view = model.vis_mut();
        view.global.offwidth = width as i32;
        view.global.offheight = height as i32;
        // Software drivers take four times as long with multisampling and shadows.
        view.quality.offsamples = 0;
        view.quality.shadowsize = 0;
        let camera = match model.name_to_id(MjtObjBase::mjOBJ_CAMERA, "track") {
            Some(id) => MjvCamera::new_fixed(id),
            None => MjvCamera::new_free(&model),
        };
        let builder = MjRenderer::builder().width(width as u32).height(height as u32);
        let renderer = builder.camera(camera).build(&model).map_err(no_device)?;
        let data = MjData::try_new(Arc::new(model)).map_err(failed)?;
        Ok(Self { renderer, data, width, height })
    }

    /// Renders the current state of `env`, which must use the same model.
    ///
    /// # Errors
    /// If the graphics driver fails.
    pub fn frame(&mut self, env: &MujocoEnv) -> Result<Frame, EnvError> {
        self.data.qpos_mut().copy_from_slice(env.qpos());
        self.data.qvel_mut().copy_from_slice(env.qvel());
        self.data.forward();
        self.renderer.sync_data(&mut self.data).map_err(failed)?;
        self.renderer.render().map_err(failed)?;
        let rgb =
            self.renderer.rgb_flat().ok_or_else(|| failed("the renderer returned no picture"))?;
        Ok(Frame { width: self.width, height: self.height, rgb: rgb.to_vec() })
    }
}

fn no_device(error: impl fmt::Display) -> EnvError {
    EnvError::Render {
        reason: format!(
            "no graphics device through EGL ({error}); without a GPU install Mesa's software driver, \
             on Debian and Ubuntu the packages libegl1 and libgl1-mesa-dri"
        ),
    }
}

fn failed(error: impl fmt::Display) -> EnvError {
    EnvError::Render { reason: error.to_string() }
}
